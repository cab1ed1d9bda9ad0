//! Sources of events: files and standard input, decoded to the columns that queries read.
