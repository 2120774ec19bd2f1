"""Work that takes longer than a request: claimed from a table, by any replica, and resumed when one dies."""
