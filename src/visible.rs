//! Nothing from outside reaches a terminal or the trail raw: escapes shown, never sent.
