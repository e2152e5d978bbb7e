//! "Retrieve List of Tokens", user guide chapter 13: one array in no order and without pages, tokens and all.

mod record;

use http::StatusCode;
use introspectd_core::{BadAnswer, Batch, Failure, Filters, Listing, Position, User, Window};
use introspectd_upstream::{Elements, List, Request, Segment};

use crate::{RESERVED, TOKENS, TibcoAsg};
use record::Record;

/// Lists all tokens. An owner below it lists that owner's, and so does an owner below [`TOKENS`], says another page.
const OWNERS: &str = "/asg/oauth2/access_token/owners";

impl TibcoAsg {
    /// Reads the whole list each time, and keeps what comes next after `from`.
    pub(crate) async fn records(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        if !are_told(&listing.filters) {
            return Err(Failure::Unsupported);
        }
        let mut window = Window::after(from, listing.order)?;
        let owner = match listing.filters.user() {
            User::Any => None,
            User::One(owner) => Some(owner),
            User::Conflicting => return Ok(Batch::default()),
        };
        let client = listing.filters.client_id.as_deref();
        let mut elements = self.elements(owner).await?;
        while let Some(record) = elements.next::<Record>().await? {
            let (place, token) = record.read()?;
            let is_meant =
                |wanted: Option<&str>, told: &Option<String>| wanted.is_none() || wanted == told.as_deref();
            if is_meant(owner, &token.sub) && is_meant(client, &token.client_id) {
                window.offer(place, token);
            }
        }
        Ok(window.into_batch())
    }

    /// The list that holds all tokens of the owner, and perhaps others.
    async fn elements(&self, owner: Option<&str>) -> Result<Elements, Failure> {
        // A name with a slash, a backslash or a semicolon, as LDAP has them, must not stand in a URL with our credential
        // on it. Such an owner's tokens are looked for among all.
        if let Some(owner) = owner.and_then(|owner| Segment::parse(owner, RESERVED).ok()) {
            for form in [OWNERS, TOKENS] {
                let Ok(uri) = self.address.with_segment(form, &owner) else { break };
                match self.upstream.send(Request::get(uri).listing().streamed()).await?.into_list() {
                    List::Elements(elements) => return Ok(elements),
                    // No error of a list is documented: the server may not know the form, or not the owner.
                    List::Response(response)
                        if matches!(response.status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) => {}
                    List::Response(response) => {
                        return Err(BadAnswer::Status(response.status.as_u16()).into());
                    }
                }
            }
        }
        let all = self.address.below(OWNERS).map_err(|_| Failure::Unsupported)?;
        match self.upstream.send(Request::get(all).listing().streamed()).await?.into_list() {
            List::Elements(elements) => Ok(elements),
            List::Response(response) => Err(BadAnswer::Status(response.status.as_u16()).into()),
        }
    }
}

/// Whether the vendor's records tell all of what is asked of them.
fn are_told(filters: &Filters) -> bool {
    let Filters { owner: _, user_id: _, client_id: _, account_id, grant_type, role } = filters;
    [account_id, grant_type, role].into_iter().all(Option::is_none)
}
