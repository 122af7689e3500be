"""The stores of customers that can be asked; one folder or file for each kind."""
