// SPDX-License-Identifier: GPL-2.0-or-later
//
// What no exception gets past: each function of c.h does its work in guarded().

#pragma once

#include <memory>
#include <string>
#include <utility>

#include "qcow2stream/c.h"
#include "qcow2stream/error.h"
#include "system/sigpipe.h"

// NOLINTNEXTLINE(readability-identifier-naming): c.h has its name
struct qcow2stream_error {
  qcow2stream_error_kind kind = QCOW2STREAM_ERROR_INTERNAL;
  std::unique_ptr<const qcow2stream::Error> error;  // null: there is no memory
};

namespace qcow2stream::c_api {

// Ends a function because its caller wants that.
class Cancelled {};

// Puts the exception that is being handled into `*error`, unless `error` is null.
void report_exception(qcow2stream_error** error) noexcept;

// Returns what `work` returns, or `failure` where it throws. A pipe or socket that is closed is an
// error number meanwhile.
template <class Result, class Work>
Result guarded(qcow2stream_error** error, Result failure, const Work& work) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    const SigpipeGuard guard;
    return work();
  } catch (...) {
    report_exception(error);
    return failure;
  }
}

// The same for what returns 0 or -1.
template <class Work>
int guarded_call(qcow2stream_error** error, const Work& work) noexcept {
  return guarded(error, -1, [&] {
    work();
    return 0;
  });
}

[[noreturn]] inline void refuse_use(const std::string& name, const std::string& reason) {
  throw Error(ErrorKind::kUsage, name, "cannot be used so", reason);
}

// What a caller has to give. `what` says what it is.
template <class Type>
Type& given(Type* pointer, const char* what) {
  if (pointer == nullptr) refuse_use(what, "it is NULL");
  return *pointer;
}

inline std::string given_text(const char* text, const char* what) {
  return &given(text, what);
}

}  // namespace qcow2stream::c_api
