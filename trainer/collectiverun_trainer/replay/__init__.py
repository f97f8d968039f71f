"""Experience: replay buffers, whole labelled episodes and their files. It must never step environments."""
