"""Workers that each hold one loaded network, and the driver loop that feeds them."""
