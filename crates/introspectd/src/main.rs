//! The command line of introspectd.

mod allocator;
mod command;

use std::io::{self, Write};
use std::process::{self, ExitCode};

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use introspectd_cli::{Explain, Health, Lookup, Purge, Revoke, Tokens};

use command::{check, completions, hash_secret, man, plan, serve, try_out};

/// One endpoint that answers "is this OAuth token good, and what may it do?" for the tokens of many
/// authorization servers.
#[derive(Parser)]
#[command(version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// Each is described where its arguments are.
#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Check(check::Check),
    Try(try_out::Try),
    Lookup(Lookup),
    Tokens(Tokens),
    Revoke(Revoke),
    Purge(Purge),
    Explain(Explain),
    HashSecret(hash_secret::HashSecret),
    Health(Health),
    Plan(plan::Plan),
    Completions(completions::Completions),
    Man(man::Man),
}

const EXAMPLES: &str = "\
Examples:
  introspectd try --endpoint https://sso.example/introspect --client-id introspectd \\
    --secret-file sso.secret < token.txt
  introspectd check --config introspectd.toml
  introspectd serve --config introspectd.toml
  INTROSPECTD_SECRET=… introspectd lookup --caller edge < token.txt
  INTROSPECTD_SECRET=… introspectd revoke --caller admin < token.txt
  introspectd tokens --provider bank --state active
  introspectd explain < token.txt
  openssl rand -hex 32 | tee edge.secret | introspectd hash-secret
  introspectd plan --rate 20000 --tokens 1e6 --replicas 3

Client configuration file:
  Commands that ask a running server take what arguments and environment do not give from the file
  that INTROSPECTD_CLIENT_CONFIG names, else from $XDG_CONFIG_HOME/introspectd/client.toml,
  else from ~/.config/introspectd/client.toml, if it exists. It is TOML:
    server = \"unix:/run/introspectd/api.sock\"
    caller = \"admin\"
    secret = { file = \"/run/secrets/introspectd\" }

Exit codes:
  0 fine, 1 refused or inactive, 2 wrong usage or configuration, 3 unreachable or a server error";

fn main() -> ExitCode {
    let outcome = match parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Try(try_out) => try_out.run(),
        Command::Lookup(lookup) => lookup.run(),
        Command::Tokens(tokens) => tokens.run(),
        Command::Revoke(revoke) => revoke.run(),
        Command::Purge(purge) => purge.run(),
        Command::Explain(explain) => explain.run(),
        Command::HashSecret(hash_secret) => hash_secret.run(),
        Command::Health(health) => health.run(),
        Command::Plan(plan) => plan.run(),
        Command::Completions(completions) => completions.run(Cli::command()),
        Command::Man(man) => man.run(Cli::command()),
    };
    outcome
        .unwrap_or_else(|stopped| {
            command::complain(&stopped.message);
            stopped.exit
        })
        .into()
}

/// Parses the command line. A stray argument may be a token: it is not repeated, since output may
/// end in a log.
fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|mut error| {
        for kind in [ContextKind::InvalidArg, ContextKind::InvalidValue] {
            let is_stray = match error.get(kind) {
                Some(ContextValue::String(text)) => !text.starts_with('-'),
                _ => false,
            };
            if is_stray {
                error.insert(kind, ContextValue::String("…".to_owned()));
            }
        }
        exit_after(&error)
    })
}

/// Prints help, or what is wrong with the arguments. Help that cannot be written is an error, too.
fn exit_after(error: &clap::Error) -> ! {
    let printed = error.print().and_then(|()| io::stdout().flush());
    match printed {
        Err(failed) if failed.kind() != io::ErrorKind::BrokenPipe && !error.use_stderr() => {
            command::complain(&format!("cannot write to standard output: {failed}"));
            process::exit(2)
        }
        Ok(()) | Err(_) => process::exit(error.exit_code()),
    }
}
