"""The pages on which people vote, and the server behind them."""
