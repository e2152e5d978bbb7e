//! Clients that introspect, and know nothing of introspectd but its URL.

mod harness;
mod mod_oauth2;
mod oauth4webapi;
mod resource_servers;
mod spring;
