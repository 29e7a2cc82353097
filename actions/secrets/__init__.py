"""Values that are typed and never seen: kept, covered in pictures, taken out of texts."""
