//! Errors as answers.

use crate::engine::EngineError;
use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// `{"code", "message", "rendered"?}` with its status.
#[derive(Debug)]
pub(super) struct HttpError {
    status: StatusCode,
    code: &'static str,
    message: String,
    rendered: Option<String>,
}

impl HttpError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        HttpError { status, code, message: message.into(), rendered: None }
    }
}

impl From<EngineError> for HttpError {
    fn from(error: EngineError) -> Self {
        let status = match &error {
            EngineError::NotFound(_) => StatusCode::NOT_FOUND,
            EngineError::Invalid { .. } => StatusCode::BAD_REQUEST,
            EngineError::Conflict { .. } => StatusCode::CONFLICT,
            EngineError::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
            EngineError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            EngineError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let rendered = error.rendered().map(str::to_owned);
        HttpError { status, code: error.code(), message: error.to_string(), rendered }
    }
}

/// Of a body that is not taken.
fn of_body(status: StatusCode, message: String) -> HttpError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => HttpError::new(status, "too_large", message),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => HttpError::new(status, "media_type", message),
        _ => EngineError::invalid(message).into(),
    }
}

impl From<JsonRejection> for HttpError {
    fn from(rejection: JsonRejection) -> Self {
        of_body(rejection.status(), rejection.body_text())
    }
}

impl From<BytesRejection> for HttpError {
    fn from(rejection: BytesRejection) -> Self {
        of_body(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for HttpError {
    fn from(rejection: PathRejection) -> Self {
        EngineError::invalid(rejection.body_text()).into()
    }
}

impl From<QueryRejection> for HttpError {
    fn from(rejection: QueryRejection) -> Self {
        EngineError::invalid(rejection.body_text()).into()
    }
}

#[derive(Serialize)]
struct ErrorBody {
    /// The status, where it is too late to be the response's.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rendered: Option<String>,
}

impl HttpError {
    /// It as a line of JSON with its `status`, for those whose response has begun.
    pub(super) fn belated(self) -> String {
        let status = Some(self.status.as_u16());
        let body = ErrorBody { status, code: self.code, message: self.message, rendered: self.rendered };
        serde_json::to_string(&body).unwrap_or_default()
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let body = ErrorBody { status: None, code: self.code, message: self.message, rendered: self.rendered };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
