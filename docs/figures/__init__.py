"""The figures of the documentation, drawn while it is built: what is in them was computed by the code that is documented."""
