//! The manual page, made of the very table the arguments are parsed by.

use clap::CommandFactory as _;

use super::Fault;
use crate::cli::Cli;

pub fn print(command: Option<&str>) -> Result<u8, Fault> {
    let mut cli = Cli::command();
    cli.build();
    let page = match command {
        None => cli,
        Some(name) => {
            let found = cli.find_subcommand(name).cloned();
            let found =
                found.ok_or_else(|| Fault::usage(format!("there is no command {name}; see `ripcord --help`")))?;
            found.display_name(format!("ripcord-{name}"))
        }
    };
    let mut out = Vec::new();
    clap_mangen::Man::new(page).render(&mut out).map_err(|error| Fault::failed(error.to_string()))?;
    out!("{}", String::from_utf8_lossy(&out));
    Ok(0)
}
