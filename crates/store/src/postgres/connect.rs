//! One connection to PostgreSQL, by TLS where the URL asks for it.

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What every connection is set to: nothing may hang for ever, and no lock outlives its owner.
const SESSION: &str = "SET statement_timeout = '5s'; SET lock_timeout = '4s'; \
                       SET idle_in_transaction_session_timeout = '10s'; SET TIME ZONE 'UTC'";

/// Opens a connection. With `sslmode=require` the certificate and its name are checked.
pub async fn connect(url: String) -> ConnectionResult<AsyncPgConnection> {
    let config = configured(&url)?;
    let mut conn = match config.get_ssl_mode() {
        SslMode::Disable => plain(&config).await?,
        // Better encrypted than not, but a server with a certificate of its own making is no reason to
        // fail: whoever wants to be sure says sslmode=require.
        SslMode::Prefer => match encrypted(&config).await {
            Ok(conn) => conn,
            Err(_) => plain(&config).await?,
        },
        _ => encrypted(&config).await?,
    };
    conn.batch_execute(SESSION).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// Opens a connection that diesel does not know, with the task that keeps it going, under a name of its own.
pub async fn client(url: &str, name: &str) -> ConnectionResult<(Client, BoxFuture<'static, ()>)> {
    let mut config = configured(url)?;
    config.application_name(name);
    let encrypted = async {
        let (client, driver) = config.connect(TLS.clone()).await.map_err(bad)?;
        Ok((client, driver.map(drop).boxed()))
    };
    let plain = async {
        let (client, driver) = config.connect(tokio_postgres::NoTls).await.map_err(bad)?;
        Ok((client, driver.map(drop).boxed()))
    };
    match config.get_ssl_mode() {
        SslMode::Disable => plain.await,
        SslMode::Prefer => match encrypted.await {
            Ok(client) => Ok(client),
            Err(_) => plain.await,
        },
        _ => encrypted.await,
    }
}

fn configured(url: &str) -> ConnectionResult<Config> {
    let mut config = Config::from_str(url).map_err(bad)?;
    let several = config.get_hosts().len() > 1;
    if config.get_connect_timeout().is_none() {
        // Of several hosts the next one must get its turn before whoever waits gives up.
        config.connect_timeout(Duration::from_secs(if several { 1 } else { 3 }));
    }
    if several && config.get_target_session_attrs() == TargetSessionAttrs::Any {
        // A primary and its standbys: the one that can be written to.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    config.tcp_user_timeout(Duration::from_secs(10)).keepalives_idle(Duration::from_secs(30));
    config.keepalives_interval(Duration::from_secs(10)).keepalives_retries(3);
    if config.get_application_name().is_none() {
        config.application_name("maru");
    }
    Ok(config)
}

async fn plain(config: &Config) -> ConnectionResult<AsyncPgConnection> {
    let (client, driver) = config.connect(tokio_postgres::NoTls).await.map_err(bad)?;
    AsyncPgConnection::try_from_client_and_connection(client, driver).await
}

async fn encrypted(config: &Config) -> ConnectionResult<AsyncPgConnection> {
    let (client, driver) = config.connect(TLS.clone()).await.map_err(bad)?;
    AsyncPgConnection::try_from_client_and_connection(client, driver).await
}

/// The server's own words, without the URL: it may hold a password.
fn bad(error: tokio_postgres::Error) -> ConnectionError {
    ConnectionError::BadConnection(in_words(&error))
}

/// What the server says, or else the client.
pub fn in_words(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| full(error), |db| db.message().to_owned())
}

fn full(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", full(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}

static TLS: LazyLock<MakeRustlsConnect> = LazyLock::new(|| {
    let mut roots = rustls::RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = match builder {
        Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
        // Only a provider without any protocol version could end here; ring has them.
        Err(_) => rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
    };
    MakeRustlsConnect::new(config)
});
