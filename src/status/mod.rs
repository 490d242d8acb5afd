//! What there is.
