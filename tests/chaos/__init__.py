"""Kill -9 of the product's processes at random moments under load, and what the database must say afterwards."""
