//! Answers of any length, line by line, at constant memory: NDJSON or CSV.
//!
//! A thread of its own makes the rows and hands them on in pieces; where the client is slower the thread waits, and
//! nothing piles up. A client that goes away, or reads nothing for a while, ends it, as does the end of the service.
//! Status and head are gone by the time something can fail: then the connection is cut with the body's last chunk
//! missing, so no client takes a part for the whole.
use crate::actors::answer::Failure;
use crate::actors::streams::StreamPlace;
use crate::http::error::WireError;
use crate::http::extract::QueryFields;
use crate::http::fields::invalid;
use crate::http::json::{Json, Plain};
use crate::limits::{STREAM_PIECE_BYTES, STREAM_PIECES_WAITING, STREAM_STALL_MAX};
use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::{Body, Frame};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// How a stream's rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Ndjson,
    Csv,
}

impl Format {
    /// As the query's `format` says.
    pub fn of(query: &QueryFields) -> Result<Format, WireError> {
        match query.get("format")? {
            None | Some("ndjson") => Ok(Format::Ndjson),
            Some("csv") => Ok(Format::Csv),
            Some(_) => Err(invalid("format", "must be ndjson or csv").into()),
        }
    }

    pub fn media(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Format::Ndjson => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8",
        })
    }
}

/// Why a stream ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum Cut {
    #[error("the client has gone")]
    Gone,
    #[error("the client has read nothing for {0:?}")]
    Stalled(Duration),
    #[error("the service stops")]
    Stopping,
    #[error("{0}")]
    Failed(String),
}

impl From<Failure> for Cut {
    fn from(failure: Failure) -> Cut {
        match failure {
            Failure::NotReady => Cut::Stopping,
            other => Cut::Failed(format!("{other:?}")),
        }
    }
}

impl From<io::Error> for Cut {
    /// Writers know no errors but those of the pieces' way out.
    fn from(error: io::Error) -> Cut {
        error.downcast::<Cut>().unwrap_or_else(|error| Cut::Failed(error.to_string()))
    }
}

impl From<csv::Error> for Cut {
    fn from(error: csv::Error) -> Cut {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            other => Cut::Failed(format!("{other:?}")),
        }
    }
}

/// What a row's fields are written to, in the order of the columns. `Json` is one too.
pub trait FieldWriter {
    fn field_string(&mut self, name: &str, text: Option<&str>);
    fn field_plain(&mut self, name: &str, value: Option<impl Plain>);
    /// JSON text as it is.
    fn field_raw(&mut self, name: &str, json: Option<&str>);
    /// A field that this row does not have: left out of an object, empty in a line of CSV.
    fn lacks(&mut self, name: &str);
}

impl FieldWriter for Json {
    #[inline]
    fn field_string(&mut self, name: &str, text: Option<&str>) {
        Json::field_string(self, name, text);
    }
    fn field_plain(&mut self, name: &str, value: Option<impl Plain>) {
        Json::field_plain(self, name, value);
    }
    fn field_raw(&mut self, name: &str, json: Option<&str>) {
        Json::field_raw(self, name, json);
    }
    fn lacks(&mut self, _name: &str) {}
}

/// A line of CSV being put together: a value a column, nothing where there is none.
struct CsvLine<'a> {
    columns: &'a [&'static str],
    record: csv::StringRecord,
}

impl CsvLine<'_> {
    fn put(&mut self, name: &str, value: &str) {
        debug_assert_eq!(self.columns.get(self.record.len()), Some(&name), "columns are as rows are");
        self.record.push_field(value);
    }
}

impl FieldWriter for CsvLine<'_> {
    fn field_string(&mut self, name: &str, text: Option<&str>) {
        self.put(name, text.unwrap_or_default());
    }
    fn field_plain(&mut self, name: &str, value: Option<impl Plain>) {
        self.put(name, &value.map(|value| value.to_string()).unwrap_or_default());
    }
    fn field_raw(&mut self, name: &str, json: Option<&str>) {
        self.put(name, json.unwrap_or_default());
    }
    fn lacks(&mut self, name: &str) {
        self.put(name, "");
    }
}

/// A row that can be written either way: give its fields to `out`, the same ones in the same order for every row.
pub trait Row {
    fn write(&self, out: &mut impl FieldWriter);
}

/// Where a stream's rows go.
pub enum Rows {
    Ndjson { json: Json, way: WayOut },
    Csv { columns: Vec<&'static str>, writer: Box<csv::Writer<WayOut>> },
}

impl Rows {
    fn new(format: Format, columns: Vec<&'static str>, way: WayOut) -> Result<Rows, Cut> {
        Ok(match format {
            Format::Ndjson => Rows::Ndjson { json: Json::new(), way },
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new()
                    .terminator(csv::Terminator::CRLF)
                    .buffer_capacity(STREAM_PIECE_BYTES)
                    .from_writer(way);
                writer.write_record(&columns)?;
                Rows::Csv { columns, writer: Box::new(writer) }
            }
        })
    }

    /// Writes a row; waits where the client is not so quick.
    pub fn write(&mut self, row: &impl Row) -> Result<(), Cut> {
        match self {
            Rows::Ndjson { json, way } => {
                json.open(b'{');
                row.write(json);
                json.close(b'}').raw(b"\n");
                if json.len() >= STREAM_PIECE_BYTES { way.send(json.take()) } else { Ok(()) }
            }
            Rows::Csv { columns, writer } => {
                let mut line = CsvLine { columns, record: csv::StringRecord::new() };
                row.write(&mut line);
                Ok(writer.write_record(&line.record)?)
            }
        }
    }

    /// The rest, and that it was the rest.
    fn end(self) -> Result<(), Cut> {
        let mut way = match self {
            Rows::Ndjson { mut json, mut way } => {
                way.send(json.take())?;
                way
            }
            Rows::Csv { writer, .. } => writer.into_inner().map_err(|error| Cut::from(error.into_error()))?,
        };
        way.put(Piece::End)
    }
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End,
}

/// The thread's end of the channel.
pub struct WayOut {
    pieces: mpsc::Sender<Piece>,
    place: StreamPlace,
    runtime: Handle,
    stall_max: Duration,
    /// Nothing gets out any more. (A dropped CSV writer still tries.)
    cut: bool,
}

impl WayOut {
    /// In pieces of the usual size, however long a row is: a client must take each in time.
    fn send(&mut self, bytes: Vec<u8>) -> Result<(), Cut> {
        let mut rest = Bytes::from(bytes);
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(STREAM_PIECE_BYTES));
            self.put(Piece::Bytes(piece))?;
        }
        Ok(())
    }

    fn put(&mut self, piece: Piece) -> Result<(), Cut> {
        let WayOut { pieces, place, runtime, stall_max, cut } = self;
        if *cut {
            return Err(Cut::Gone);
        }
        let put = runtime.block_on(async {
            tokio::select! {
                biased;
                () = place.stopped() => Err(Cut::Stopping),
                sent = tokio::time::timeout(*stall_max, pieces.send(piece)) => match sent {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) => Err(Cut::Gone),
                    Err(_) => Err(Cut::Stalled(*stall_max)),
                },
            }
        });
        *cut = put.is_err();
        put
    }
}

impl io::Write for WayOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The body's end of the channel.
struct Pieces(mpsc::Receiver<Piece>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        Poll::Ready(match ready!(self.0.poll_recv(context)) {
            Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) => None,
            None => Some(Err(Cut::Failed("the rows ended before their end".into()))),
        })
    }
}

/// Streams the rows that `produce` writes. `columns` are their fields' names in order, for CSV's first line.
pub fn respond(
    place: StreamPlace,
    format: Format,
    columns: Vec<&'static str>,
    produce: impl FnOnce(&mut Rows) -> Result<(), Cut> + Send + 'static,
) -> Response {
    let body = body(place, STREAM_STALL_MAX, format, columns, produce);
    let mut response = Response::new(axum::body::Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, format.media());
    response
}

fn body(
    place: StreamPlace,
    stall_max: Duration,
    format: Format,
    columns: Vec<&'static str>,
    produce: impl FnOnce(&mut Rows) -> Result<(), Cut> + Send + 'static,
) -> Pieces {
    let (pieces, body) = mpsc::channel(STREAM_PIECES_WAITING);
    let way = WayOut { pieces, place, runtime: Handle::current(), stall_max, cut: false };
    tokio::task::spawn_blocking(move || {
        let made = catch_unwind(AssertUnwindSafe(|| {
            let mut rows = Rows::new(format, columns, way)?;
            produce(&mut rows)?;
            rows.end()
        }));
        match made {
            Ok(Ok(())) => {}
            Ok(Err(Cut::Failed(why))) => tracing::error!("a stream was cut: {why}"),
            Ok(Err(why)) => tracing::info!("a stream was cut: {why}"),
            Err(_) => tracing::error!("a stream was cut: its thread panicked"),
        }
    });
    Pieces(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::{Semaphore, watch};

    struct Line<'a>(&'a str, Option<u64>, Option<&'a str>);

    impl Row for Line<'_> {
        fn write(&self, out: &mut impl FieldWriter) {
            out.field_string("text", Some(self.0));
            out.field_plain("number", self.1);
            out.field_raw("json", self.2);
        }
    }

    /// One place, which everything here streams from.
    struct Stage {
        places: Arc<Semaphore>,
        stopping: watch::Sender<bool>,
        stall_max: Duration,
    }

    impl Stage {
        fn new() -> Stage {
            let (stopping, _) = watch::channel(false);
            Stage { places: Arc::new(Semaphore::new(1)), stopping, stall_max: Duration::from_secs(60) }
        }

        fn stream(
            &self,
            format: Format,
            produce: impl FnOnce(&mut Rows) -> Result<(), Cut> + Send + 'static,
        ) -> Pieces {
            let place = StreamPlace::of(&self.places, self.stopping.subscribe()).unwrap();
            body(place, self.stall_max, format, vec!["text", "number", "json"], produce)
        }

        /// Until the stream's thread has ended.
        async fn ended(&self) {
            drop(self.places.acquire().await.unwrap());
        }
    }

    /// Rows without end, counted.
    fn endless(counter: &Arc<AtomicUsize>) -> impl FnOnce(&mut Rows) -> Result<(), Cut> + Send + 'static {
        let counter = counter.clone();
        move |rows| loop {
            rows.write(&Line(&"x".repeat(1_000), None, None))?;
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// More rows than the channel and the pieces at either end of it can hold.
    const MANY: usize = (STREAM_PIECES_WAITING + 4) * STREAM_PIECE_BYTES / 1_000;

    async fn whole(body: Pieces) -> String {
        String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    fn two(rows: &mut Rows) -> Result<(), Cut> {
        rows.write(&Line("a,\"b\"\r\n积", Some(1), Some(r#"{"x":"1,2"}"#)))?;
        rows.write(&Line("", None, None))
    }

    #[tokio::test]
    async fn writes_an_object_a_line() {
        let text = whole(Stage::new().stream(Format::Ndjson, two)).await;
        let lines = [
            r#"{"text":"a,\"b\"\r\n积","number":1,"json":{"x":"1,2"}}"#,
            r#"{"text":"","number":null,"json":null}"#,
        ];
        assert_eq!(text, lines.map(|line| format!("{line}\n")).concat());
    }

    #[tokio::test]
    async fn quotes_csv_by_rfc_4180() {
        let text = whole(Stage::new().stream(Format::Csv, two)).await;
        assert_eq!(text, "text,number,json\r\n\"a,\"\"b\"\"\r\n积\",1,\"{\"\"x\"\":\"\"1,2\"\"}\"\r\n,,\r\n");
    }

    #[tokio::test]
    async fn has_a_head_and_no_line_where_there_is_no_row() {
        assert_eq!(whole(Stage::new().stream(Format::Ndjson, |_| Ok(()))).await, "");
        assert_eq!(whole(Stage::new().stream(Format::Csv, |_| Ok(()))).await, "text,number,json\r\n");
    }

    #[tokio::test]
    async fn waits_for_its_client_and_ends_with_it() {
        for format in [Format::Ndjson, Format::Csv] {
            let (stage, made) = (Stage::new(), Arc::new(AtomicUsize::new(0)));
            let mut body = stage.stream(format, endless(&made));
            assert!(body.frame().await.unwrap().is_ok());
            drop(body);
            stage.ended().await;
            let made = made.load(Ordering::SeqCst);
            assert!(made < MANY, "{made} rows were made for a client that took one piece");
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_on_is_waited_for_only_so_long() {
        for format in [Format::Ndjson, Format::Csv] {
            let (mut stage, made) = (Stage::new(), Arc::new(AtomicUsize::new(0)));
            stage.stall_max = Duration::from_millis(20);
            let body = stage.stream(format, endless(&made));
            stage.ended().await;
            assert!(made.load(Ordering::SeqCst) < MANY);
            assert!(body.collect().await.is_err(), "a part is not taken for the whole");
        }
    }

    #[tokio::test]
    async fn what_fails_on_the_way_is_no_end() {
        for format in [Format::Ndjson, Format::Csv] {
            let stage = Stage::new();
            let failed = stage.stream(format, |rows| {
                two(rows)?;
                Err(Cut::Failed("a test".into()))
            });
            assert!(failed.collect().await.is_err());
            stage.ended().await;
            let panicked = stage.stream(format, |_| panic!("a test"));
            assert!(panicked.collect().await.is_err());
        }
    }

    #[tokio::test]
    async fn ends_when_the_service_stops() {
        let (stage, made) = (Stage::new(), Arc::new(AtomicUsize::new(0)));
        let mut body = stage.stream(Format::Ndjson, endless(&made));
        assert!(body.frame().await.unwrap().is_ok());
        stage.stopping.send_replace(true);
        stage.ended().await;
        assert!(body.collect().await.is_err());
    }

    #[tokio::test]
    async fn there_are_only_so_many_places() {
        let stage = Stage::new();
        let place = StreamPlace::of(&stage.places, stage.stopping.subscribe());
        assert!(place.is_ok());
        let second = StreamPlace::of(&stage.places, stage.stopping.subscribe());
        assert!(matches!(second, Err(Failure::Overloaded)));
    }
}
