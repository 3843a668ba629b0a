"""The guide New Table Mapping: a step a file or two, a draft until it is finished."""
