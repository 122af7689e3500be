"""One history of the tables of all slices, for every dialect: `versions/vNNNN_name.py`, in a straight line."""
