// Keeps one bad request from being everybody's: a panic or an abort leaves a WebAssembly instance in
// an unknown state, so it is replaced before the next request, and the requests that were under way
// in it, which nobody will finish any more, are answered with an error at once.

/** The handler of a module for workerd around the exports of a wasm-bindgen module. */
export function guard(wasm, scope = globalThis) {
  let pending = new Set();

  const crash = (error) => {
    const lost = pending;
    pending = new Set();
    console.error("wasm instance lost", error);
    wasm.__wbg_reset_state();
    for (const reject of lost) reject(error);
  };
  // A trap outside the first synchronous part of a request has no caller: it surfaces here.
  const watch = (error) => {
    if (isFatal(error)) crash(error);
  };
  scope.addEventListener("error", (event) => watch(event.error));
  scope.addEventListener("unhandledrejection", (event) => watch(event.reason));

  return {
    async fetch(request, env, context) {
      let lose;
      const lost = new Promise((_, reject) => pending.add((lose = reject)));
      try {
        return await Promise.race([wasm.fetch(request, env, context), lost]);
      } catch (error) {
        if (pending.has(lose)) watch(error);
        return internalError();
      } finally {
        pending.delete(lose);
      }
    },
  };
}

/** Did the instance itself break? Anything else is an ordinary error of one request. */
function isFatal(error) {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
}

function internalError() {
  const problem = { type: "about:blank", title: "Internal Server Error", status: 500 };
  return new Response(JSON.stringify(problem), {
    status: 500,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "access-control-allow-origin": "*",
    },
  });
}
