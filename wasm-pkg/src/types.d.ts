/** Every error of this package. `pointer` says where in the recipe, as a JSON pointer, when the recipe is to blame. */
export interface MillinerError extends Error {
  readonly name: "MillinerError";
  readonly code: ErrorCode;
  readonly pointer: string | undefined;
}

export type ErrorCode =
  | "bad-recipe"
  | "unknown-asset"
  | "unknown-version"
  | "ambiguous-version"
  | "wrong-kind"
  | "unknown-anchor"
  | "not-acceptable"
  | "not-drawn"
  | "missing-ingredient"
  | "wrong-digest"
  | "bad-image"
  | "bad-catalogue"
  | "bad-argument"
  | "limit"
  | "encode"
  /** The module did not start, or something was called before it had. */
  | "not-started"
  /** `free()` was called before. */
  | "freed"
  /** The module broke. Nothing of it is of use any more; load the page again, and tell us. */
  | "internal";

/** A finished, encoded picture. */
export interface Composite {
  /** An array of its own, or a view of the buffer that it was asked to be written into. */
  bytes: Uint8Array<ArrayBuffer>;
  mediaType: "image/png" | "image/jpeg" | "image/webp" | "image/avif";
  /** Content address; the server's ETag for the same picture. */
  key: string;
  /** Canonical recipe path, format resolved. */
  path: string;
  /** Where the server keeps it for ever. */
  immutablePath: string;
  width: number;
  height: number;
}

/** Straight RGBA pixels, made for `new ImageData(data, width, height)`. */
export interface Drawing {
  data: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
}

/** What a render would be. */
export interface Explanation {
  path: string;
  key: string;
  immutablePath: string;
  mediaType: Composite["mediaType"];
  width: number;
  height: number;
  /** Every asset is pinned to its content, so the answer can never change. */
  pinned: boolean;
  /** Content digests of the assets that are drawn, base first. */
  ingredients: string[];
  /** Content digests of the files to read: of an asset that is drawn small, one of its levels. */
  files: string[];
  /** Predicted peak of memory. */
  workingBytes: number;
  /** The first part of the recipe that is understood but not drawn yet. */
  undrawn: { pointer: string; name: string } | null;
}

/** A picture as the catalogue stores it. */
export interface Normalised {
  bytes: Uint8Array<ArrayBuffer>;
  mediaType: "image/png" | "image/jpeg";
  width: number;
  height: number;
  opaque: boolean;
  digest: string;
  /** Smaller copies, each half as wide and high as the one before. */
  levels: SmallerCopy[];
}

/** A smaller copy of a stored picture, of the same media type. */
export interface SmallerCopy extends Level {
  file: Uint8Array<ArrayBuffer>;
}

/** What a catalogue says of a smaller copy: pictures that are drawn small are read from one. */
export interface Level {
  digest: string;
  width: number;
  height: number;
  /** Length of the file. */
  bytes: number;
}

/** A named place on a picture; lengths are fractions of its width (`y`: of its height). */
export interface Anchor {
  x: number;
  y: number;
  span: number;
  /** Degrees clockwise. */
  angle?: number;
}

export type Kind = "base" | "overlay" | "font";

/** One asset of a catalogue, at one version. */
export interface Asset {
  id: string;
  digest: string;
  kind: Kind;
  width: number;
  height: number;
  bytes: number;
  media_type: string;
  opaque: boolean;
  levels?: Level[];
  title?: string;
  tags?: string[];
  licence?: string | null;
  anchors?: Record<string, Anchor>;
  focus?: { x: number; y: number } | null;
}

/** The manifest of `GET /v1/catalogue`. */
export interface Catalogue {
  version?: string;
  assets: Asset[];
}

/** What is said about a picture of the page's own. */
export interface AssetDetails {
  kind: "base" | "overlay";
  title?: string;
  anchors?: Record<string, Anchor>;
  focus?: { x: number; y: number };
}

/** A base or a layer: its name and its parameters, named as in the URL. */
export interface RecipeElement {
  id: string;
  [parameter: string]: string | number;
}

/** A recipe taken apart; `toPath` accepts bare names for elements without parameters, too. */
export interface Recipe {
  base: RecipeElement | string;
  layers?: (RecipeElement | string)[];
  format?: "png" | "jpg" | "webp" | "avif" | "auto";
}
