/// What is wrong with a request that is answered by a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It can't be read, or says twice who asks or where to answer.
    Malformed,
    /// It does not say who asks.
    MissingClient,
    /// No client is called so.
    UnknownClient,
    /// The document at its `client_id` can't be used.
    UnusableDocument,
    /// It does not say where to answer.
    MissingRedirect,
    /// The client has not registered that address.
    UnregisteredRedirect {
        /// The client.
        client_id: String,
        /// The address.
        redirect_uri: String,
    },
    /// The client has not pushed it, or too long ago, or it was answered.
    UnknownRequest,
}
