fn main() -> std::process::ExitCode {
    // Before anything else: a runner starts once a step, and its start-up is paid for each time.
    if std::env::args_os().nth(1).is_some_and(|word| word == ripcord::runner::SUBCOMMAND) {
        return u8::try_from(ripcord::runner::main()).map_or(std::process::ExitCode::FAILURE, Into::into);
    }
    std::process::ExitCode::SUCCESS
}
