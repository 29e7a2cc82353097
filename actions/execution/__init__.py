"""The only place where a plan is judged, approved and carried out."""
