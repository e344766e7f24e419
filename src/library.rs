//! Where runbooks are found, their last runs, which alerts they answer.
