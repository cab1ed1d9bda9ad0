//! No runtime: this build has no user operators, and says so.

use std::sync::Arc;
use timeline_core::plan::UserOperator;
use timeline_dsl::{Declared, ModuleError, Modules, NoModules};

pub(super) fn operator(_: &[u8], declared: &Declared) -> Result<Arc<UserOperator>, ModuleError> {
    NoModules.operator("", declared)
}
