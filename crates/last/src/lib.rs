//! What came of it: the LAST file, its picture and its summary.
