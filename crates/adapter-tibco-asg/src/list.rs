//! Reader of "Retrieve List of Tokens", user guide chapter 13: one array, unsorted, without pages,
//! with the tokens.

mod record;

use http::StatusCode;
use introspectd_core::{BadAnswer, Batch, Failure, Filters, Listing, Position, User, Window};
use introspectd_upstream::{Elements, List, Request, Segment};

use crate::{RESERVED, TOKENS, TibcoAsg};
use record::Record;

/// Path of the list of all tokens. An owner below it lists that owner's; so does, on another page,
/// an owner below [`TOKENS`].
const OWNERS: &str = "/asg/oauth2/access_token/owners";

impl TibcoAsg {
    /// Reads the whole list each time, and keeps the records that follow `from`.
    pub(crate) async fn records(
        &self,
        listing: &Listing,
        from: Option<&Position>,
    ) -> Result<Batch, Failure> {
        if !are_supported(&listing.filters) {
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
            let matches = |wanted: Option<&str>, found: &Option<String>| {
                wanted.is_none() || wanted == found.as_deref()
            };
            if matches(owner, &token.sub) && matches(client, &token.client_id) {
                window.offer(place, token);
            }
        }
        Ok(window.into_batch())
    }

    /// Requests a list that includes all tokens of the owner.
    async fn elements(&self, owner: Option<&str>) -> Result<Elements, Failure> {
        // An LDAP name with a slash, backslash or semicolon must not enter a URL that carries our
        // credentials. Such an owner's tokens are filtered from the list of all.
        if let Some(owner) = owner.and_then(|owner| Segment::parse(owner, RESERVED).ok()) {
            for form in [OWNERS, TOKENS] {
                let Ok(uri) = self.address.with_segment(form, &owner) else {
                    break;
                };
                match self
                    .upstream
                    .send(Request::get(uri).listing().streamed())
                    .await?
                    .into_list()
                {
                    List::Elements(elements) => return Ok(elements),
                    // Errors of a list are undocumented: the server may not know the form, or not
                    // the owner.
                    List::Response(response)
                        if matches!(
                            response.status,
                            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND
                        ) => {}
                    List::Response(response) => {
                        return Err(BadAnswer::Status(response.status.as_u16()).into());
                    }
                }
            }
        }
        let all = self
            .address
            .below(OWNERS)
            .map_err(|_| Failure::Unsupported)?;
        match self
            .upstream
            .send(Request::get(all).listing().streamed())
            .await?
            .into_list()
        {
            List::Elements(elements) => Ok(elements),
            List::Response(response) => Err(BadAnswer::Status(response.status.as_u16()).into()),
        }
    }
}

/// Returns true if the vendor's records have all members that are filtered on.
fn are_supported(filters: &Filters) -> bool {
    let Filters {
        owner: _,
        user_id: _,
        client_id: _,
        account_id,
        grant_type,
        role,
    } = filters;
    [account_id, grant_type, role]
        .into_iter()
        .all(Option::is_none)
}
