//! `introspectd tokens`: a list of records, page by page, as a table, JSON or CSV.

mod csv;
mod json;
mod page;
mod paging;
mod progress;
mod record;
mod table;

use std::io::{self, IsTerminal};
use std::thread::sleep;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, ValueEnum};
use http::{Method, StatusCode};
use introspectd_core::{Clock, State, SystemClock};

use self::csv::Csv;
use self::json::{Json, Lines};
use self::page::{End, Form, Page};
use self::paging::{Extent, Source, follow};
use self::progress::Progress;
use self::table::Table;
use super::connection::{Client, Connection, refusal, strange};
use super::{Exit, Outcome, Stopped, complain, print};
use crate::client::Content;
use introspectd_core::text::one_line;

/// List the tokens that the providers know, active or not, as records without secrets.
///
/// Several filters must all match. Needs the permission `list`. At a terminal it prints a table,
/// cut to its width; elsewhere JSON, one object with `tokens`, `errors` and `unlisted`. Control
/// characters in a record are escaped, as \u001b.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Tokens {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    paging: Paging,
    /// Output format [default: table at a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
struct Filter {
    /// Only this provider; by default all that this caller may ask
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    provider: Option<String>,
    /// Only this owner, in the provider's own sense
    #[arg(long, value_name = "OWNER", value_parser = NonEmptyStringValueParser::new())]
    owner: Option<String>,
    /// Only tokens issued to this client
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    client_id: Option<String>,
    /// Only tokens issued for this user
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    user_id: Option<String>,
    /// Only tokens issued for this account
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    account_id: Option<String>,
    /// Only tokens issued by this grant, such as `client_credentials`
    #[arg(long, value_name = "GRANT", value_parser = NonEmptyStringValueParser::new())]
    grant_type: Option<String>,
    /// Only tokens with this role
    #[arg(long, value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
    role: Option<String>,
    /// Only tokens in this state
    #[arg(
        long,
        value_name = "STATE",
        value_parser = PossibleValuesParser::new(State::ALL.map(State::as_str))
    )]
    state: Option<String>,
}

#[derive(Args)]
struct Paging {
    /// Order by creation: oldest first, or newest first
    #[arg(
        long,
        value_name = "ORDER",
        allow_hyphen_values = true,
        value_parser = PossibleValuesParser::new(["created_at", "-created_at"]),
    )]
    order: Option<String>,
    /// Most records of a page, 1 to 200 [default: the server's, 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=200))]
    page_size: Option<u8>,
    /// Continue after the previous page, or retry the providers that failed
    #[arg(
        long,
        value_name = "TOKEN",
        allow_hyphen_values = true,
        value_parser = NonEmptyStringValueParser::new(),
    )]
    page_token: Option<String>,
    /// Print all pages as they arrive; providers that failed are retried up to three times
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Columns that fit the terminal
    Table,
    /// One object: tokens, next_page_token or retry_page_token, errors, unlisted
    Json,
    /// CSV for spreadsheets (RFC 4180); a cell that begins with = + - @, a tab or a line break gets
    /// a ' before it, since a spreadsheet would run it
    Csv,
    /// One record a line
    Jsonl,
}

const EXAMPLES: &str = "\
Examples:
  export INTROSPECTD_URL=http://127.0.0.1:8080 INTROSPECTD_CALLER=admin INTROSPECTD_SECRET=…
  introspectd tokens --provider bank --state active
  introspectd tokens --client-id orders --order -created_at --page-size 10
  introspectd tokens --all --format csv > tokens.csv
  introspectd tokens --all --format jsonl | jq -r 'select(.state == \"active\").jti'

Exits with 0 if the list is complete, 1 if the server refuses or the provider cannot list, 3 if the
server cannot be reached or failed, or if records of a failed provider are missing.";

impl Tokens {
    pub fn run(self) -> Outcome {
        let client = self.connection.client()?;
        let terminal = io::stdout().is_terminal();
        let format = self.format.unwrap_or(if terminal {
            Format::Table
        } else {
            Format::Json
        });
        let mut form: Box<dyn Form> = match format {
            Format::Table => Box::new(Table::new(
                table::room(),
                SystemClock::default().now().seconds(),
            )),
            Format::Json => Box::new(Json::new(terminal)),
            Format::Csv => Box::new(Csv::new(terminal)),
            Format::Jsonl => Box::new(Lines::new(terminal)),
        };
        let extent = if self.paging.all {
            Extent::All
        } else {
            Extent::OnePage
        };
        let query = query(&self.filter, &self.paging);
        let mut server = Server {
            client,
            query,
            retry_after: None,
        };
        let mut progress = Progress::new(extent);
        let followed = follow(&mut server, self.paging.page_token, extent, |page| {
            let text = form.page(page)?;
            progress.aside(page, || print(text.as_bytes()))
        });
        progress.end();
        let end = followed?;
        print(form.end(&end).as_bytes())?;
        Ok(conclude(&end))
    }
}

const ONLY_SO: &str = "the provider has no list, or none for these filters: an Apigee lists by \
    --user-id, --owner, or an app's UUID as --client-id";

/// Builds the query, without the page token.
fn query(filter: &Filter, paging: &Paging) -> String {
    let page_size = paging.page_size.map(|size| size.to_string());
    let parameters = [
        ("provider", &filter.provider),
        ("owner", &filter.owner),
        ("client_id", &filter.client_id),
        ("user_id", &filter.user_id),
        ("account_id", &filter.account_id),
        ("grant_type", &filter.grant_type),
        ("role", &filter.role),
        ("state", &filter.state),
        ("order", &paging.order),
        ("page_size", &page_size),
    ];
    let given = parameters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(given)
        .finish()
}

/// Reports missing records, and how to get them.
fn conclude(end: &End) -> Exit {
    for failed in &end.errors {
        complain(&one_line(&failed.to_string()));
    }
    if !end.unlisted.is_empty() {
        let unlisted = end.unlisted.join(", ");
        complain(&one_line(&format!(
            "not listed (no list API, or filters unsupported): {unlisted}"
        )));
    }
    if let Some(next) = &end.next {
        complain(&one_line(&format!(
            "more records: add --all, or --page-token {next}"
        )));
    }
    if let Some(retry) = &end.retry {
        complain(&one_line(&format!(
            "to retry the providers that failed, add --page-token {retry}"
        )));
    }
    if end.errors.is_empty() {
        Exit::Fine
    } else {
        Exit::Unreachable
    }
}

/// `GET /v1/tokens` of a running server.
struct Server {
    client: Client,
    query: String,
    /// Pause that the last response asked for.
    retry_after: Option<Duration>,
}

impl Source for Server {
    fn page(&mut self, token: Option<&str>) -> Result<Page, Stopped> {
        let mut query = form_urlencoded::Serializer::new(self.query.clone());
        let query = query
            .extend_pairs(token.map(|token| ("page_token", token)))
            .finish();
        let answer = self.client.ask(
            Method::GET,
            &format!("/v1/tokens?{query}"),
            Content::Nothing,
        )?;
        if !answer.status.is_success() {
            if answer.status == StatusCode::NOT_IMPLEMENTED {
                complain(ONLY_SO);
            }
            return Err(refusal(&answer));
        }
        self.retry_after = answer.retry_after;
        serde_json::from_slice(&answer.body).map_err(|_| strange())
    }

    fn pause(&mut self) {
        const DEFAULT: Duration = Duration::from_secs(1);
        const LONGEST: Duration = Duration::from_secs(60);
        sleep(self.retry_after.unwrap_or(DEFAULT).min(LONGEST));
    }
}
