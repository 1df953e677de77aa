"""RQ as a doorbell: what is due is a query on PostgreSQL, a job only says that there is some."""
