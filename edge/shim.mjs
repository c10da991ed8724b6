// What workerd loads: the WebAssembly module behind its guard. `cargo xtask build edge` generates
// `build/glue` and bundles all of it into `build/index.js`.
import * as wasm from "./build/glue/edge.js";
import { guard } from "./guard.mjs";

export default guard(wasm);
