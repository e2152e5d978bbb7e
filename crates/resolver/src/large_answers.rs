use tokio::runtime::Handle;

use crate::fact::Keep;
use crate::flight::Flights;
use crate::resolver::Resolver;

impl<K: Keep> Resolver<K> {
    /// Reads large answers on this runtime, so that they hold up no other request of the thread
    /// that asked.
    #[must_use]
    pub fn with_large_answers_on(self, runtime: Option<Handle>) -> Self {
        let flights = Flights::new(runtime);
        Self { flights, ..self }
    }
}
