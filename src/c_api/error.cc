// SPDX-License-Identifier: GPL-2.0-or-later

#include "c_api/error.h"

#include <new>
#include <stdexcept>
#include <system_error>

namespace qcow2stream::c_api {
namespace {

constexpr const char* kNoMemory = "not enough memory";

// Needs no memory of its own, and is never freed.
constinit qcow2stream_error no_memory{QCOW2STREAM_ERROR_NO_MEMORY, nullptr};

qcow2stream_error_kind kind_of(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kFailed:
      return QCOW2STREAM_ERROR_FAILED;
    case ErrorKind::kUsage:
      return QCOW2STREAM_ERROR_USAGE;
    case ErrorKind::kChanged:
      return QCOW2STREAM_ERROR_CHANGED;
    case ErrorKind::kMismatch:
      return QCOW2STREAM_ERROR_MISMATCH;
    case ErrorKind::kDamaged:
      return QCOW2STREAM_ERROR_DAMAGED;
  }
  return QCOW2STREAM_ERROR_INTERNAL;
}

qcow2stream_error* make_error(qcow2stream_error_kind kind, const Error& error) {
  return new qcow2stream_error{kind, std::make_unique<const Error>(error)};
}

// Throws only where there is no memory.
qcow2stream_error* error_of_exception() {
  try {
    throw;
  } catch (const Error& error) {
    return make_error(kind_of(error), error);
  } catch (const Cancelled&) {
    return make_error(QCOW2STREAM_ERROR_CANCELLED,
                      Error(ErrorKind::kFailed, "progress", "ended", "it was cancelled"));
  } catch (const std::bad_alloc&) {
    return &no_memory;
  } catch (const std::length_error&) {
    return &no_memory;
  } catch (const std::system_error& error) {
    return make_error(QCOW2STREAM_ERROR_FAILED,
                      Error(ErrorKind::kFailed, "the system", "refused", error.code().message())
                          .with_errno(error.code().value()));
  } catch (const std::exception& error) {
    return make_error(QCOW2STREAM_ERROR_INTERNAL,
                      Error(ErrorKind::kFailed, "qcow2stream", "internal error", error.what()));
  } catch (...) {
    return make_error(QCOW2STREAM_ERROR_INTERNAL,
                      Error(ErrorKind::kFailed, "qcow2stream", "internal error", "unknown"));
  }
}

const char* subject_of(const Error& error) {
  switch (error.subject()) {
    case ErrorSubject::kOther:
      return "other";
    case ErrorSubject::kDisk:
      return "disk";
    case ErrorSubject::kOutput:
      return "output";
    case ErrorSubject::kTarget:
      return "target";
    case ErrorSubject::kImage:
      return "image";
    case ErrorSubject::kSpool:
      return "spool";
    case ErrorSubject::kList:
      return "list";
    case ErrorSubject::kPlan:
      return "plan";
    case ErrorSubject::kManifest:
      return "manifest";
  }
  return "other";
}

// The option that may help, where there is one.
const char* advice_of(const Error& error) {
  switch (error.advice()) {
    case Advice::kNone:
      return "";
    case Advice::kForceShare:
      return "force-share";
    case Advice::kWithoutExtents:
      return "no-extents";
    case Advice::kSmallerClusters:
      return "cluster-size";
    case Advice::kDirtyBitmap:
      return "dirty-bitmap";
    case Advice::kAssumeUnchanged:
      return "assume-unchanged";
    case Advice::kMakePlan:
      return "save-plan";
    case Advice::kOtherSpool:
      return "spool-dir";
    case Advice::kNameFormat:
      return "input-format";
    case Advice::kReadWithQemu:
      return "read-with-qemu";
    case Advice::kMoreSpool:
      return "spool-memory";
    case Advice::kOverwrite:
      return "overwrite";
    case Advice::kApply:
      return "apply";
    case Advice::kIgnoreNames:
      return "ignore-names";
    case Advice::kNameImage:
      return "name-image";
    case Advice::kIgnoreOwnRoot:
      return "ignore-root";
    case Advice::kTrustTarget:
      return "trust-target";
  }
  return "";
}

const Error* details(const qcow2stream_error* error) {
  return error == nullptr ? nullptr : error->error.get();
}

}  // namespace

void report_exception(qcow2stream_error** error) noexcept {
  if (error == nullptr) return;
  try {
    *error = error_of_exception();
  } catch (...) {
    *error = &no_memory;
  }
}

}  // namespace qcow2stream::c_api

using qcow2stream::c_api::details;

qcow2stream_error_kind qcow2stream_error_get_kind(const qcow2stream_error* error) {
  return error == nullptr ? QCOW2STREAM_ERROR_INTERNAL : error->kind;
}

const char* qcow2stream_error_message(const qcow2stream_error* error) {
  return details(error) == nullptr ? qcow2stream::c_api::kNoMemory : details(error)->what();
}

const char* qcow2stream_error_name(const qcow2stream_error* error) {
  return details(error) == nullptr ? "" : details(error)->name().c_str();
}

const char* qcow2stream_error_what_failed(const qcow2stream_error* error) {
  return details(error) == nullptr ? "" : details(error)->what_failed().c_str();
}

const char* qcow2stream_error_reason(const qcow2stream_error* error) {
  return details(error) == nullptr ? qcow2stream::c_api::kNoMemory
                                   : details(error)->reason().c_str();
}

int qcow2stream_error_errno(const qcow2stream_error* error) {
  return details(error) == nullptr ? 0 : details(error)->error_number();
}

bool qcow2stream_error_offset(const qcow2stream_error* error, uint64_t* offset) {
  if (details(error) == nullptr || !details(error)->offset()) return false;
  if (offset != nullptr) *offset = *details(error)->offset();
  return true;
}

const char* qcow2stream_error_subject(const qcow2stream_error* error) {
  return details(error) == nullptr ? "other" : qcow2stream::c_api::subject_of(*details(error));
}

const char* qcow2stream_error_advice(const qcow2stream_error* error, uint64_t* number) {
  const qcow2stream::Error* found = details(error);
  if (number != nullptr) *number = found == nullptr ? 0 : found->advice_number();
  return found == nullptr ? "" : qcow2stream::c_api::advice_of(*found);
}

void qcow2stream_error_free(qcow2stream_error* error) {
  if (error != nullptr && error->error != nullptr) delete error;
}
