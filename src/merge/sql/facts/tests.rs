//! What each statement about facts looks like.
