"""Everything generated from the typed models: the CustomResourceDefinition and the reference of its fields.

`python -m collectiverun_operator.manifests` writes the files; `--check` fails if one of them has drifted.
"""
