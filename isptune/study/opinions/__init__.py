"""What people said of single pictures: tables of mean opinions, and ratings that become them."""
