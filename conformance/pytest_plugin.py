"""The pytest front end; inert unless ``--echo-target`` is given."""
