"""Two organizations on one server: nobody of one ever sees or changes anything of the other."""
