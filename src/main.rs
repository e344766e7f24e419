//! Parse, run, exit code. A runner starts once a step, so its way in comes before everything else.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == ripcord::runner::SUBCOMMAND) {
        return u8::try_from(ripcord::runner::main()).map_or(ExitCode::FAILURE, Into::into);
    }
    ripcord::app::main()
}
