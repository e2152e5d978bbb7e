pub use introspectd_files::Renewed;
