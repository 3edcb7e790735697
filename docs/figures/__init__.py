"""The figures of the documentation, drawn while it is built: the code that is documented computes what is in them."""
