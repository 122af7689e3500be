"""What Dify and its marketplace want of a package: one file for each thing that is looked at, one function for each rule."""
