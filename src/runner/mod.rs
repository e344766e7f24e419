//! The step-runner: the process that outlives the console and owns a step's child.
