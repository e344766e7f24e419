//! Helm: releases read from their own Secrets, changes made by the operator's own `helm`.
