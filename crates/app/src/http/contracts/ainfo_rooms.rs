//! The AInfo rooms (contract §2): rooms with their logs, and a WebSocket to talk in one.

mod logs;
mod rooms;
mod shapes;
mod socket;

use super::drf::{self, Korean};

type Asked = drf::Asked<Korean>;
type Caller = drf::Caller<Korean>;
type Fields = drf::Fields<Korean>;
type Refusal = drf::Refusal<Korean>;

pub use rooms::{
    __path_change, __path_create, __path_delete, __path_list, __path_logs, __path_replace, __path_show,
    change, create, delete, list, logs, replace, show,
};
pub use socket::{__path_socket, socket};
