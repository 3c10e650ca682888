/**
 * What a medium holds, as plain data: the seam between the `fault` medium, which knows what a power cut would leave,
 * and the media, which know how to be built holding just that (a twin).
 */
import type { Bytes, Medium, ZoneState } from './medium.ts'

/** One zone of an image. */
export interface ZoneImage {
  readonly zone: number
  readonly state: ZoneState
  /** Where the next append would go, or 'unknown'. */
  readonly pointer: number | 'unknown'
  /** 'conventional': no pointer of its own, stale bytes may show. */
  readonly type: 'sequential' | 'conventional'
  /** The zone's bytes from its start; may reach past the pointer where stale bytes may show through. */
  readonly bytes: Bytes
  /** Stream media: the lengths of the blocks that make up `bytes`. */
  readonly blockLengths?: readonly number[]
}

/** Everything on a medium. Zones that are not listed are empty. */
export interface MediumImage {
  readonly zones: readonly ZoneImage[]
  readonly keys: ReadonlyMap<string, Bytes>
}

/** A medium that can show all it holds and build another one of its own kind, geometry, caps and identity from it. */
export interface Imageable {
  /** Everything that the medium holds now, in copies; non-empty zones only. */
  image(): Promise<MediumImage>
  /** The image is copied. The twin is independent: the original goes on as it was. */
  twin(image: MediumImage): Promise<Medium>
}

/** Whether `medium` offers {@link Imageable}. */
export function isImageable(medium: Medium): medium is Medium & Imageable {
  return 'twin' in medium && typeof medium.twin === 'function'
}
