"""The synthetic ISP, whose distance from pristine is known."""
