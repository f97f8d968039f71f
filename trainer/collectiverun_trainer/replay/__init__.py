"""Experience: a learner's replay, whole labelled episodes, their files. It must never step environments."""
