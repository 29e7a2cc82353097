"""The form application: a visitor's registration form."""
