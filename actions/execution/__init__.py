"""The one place where a plan is judged, approved and carried out."""
