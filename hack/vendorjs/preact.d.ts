// The types of preact.js beside this file, as far as the page uses them, so
// that `// @ts-check` means something without any package installed.

export type Key = string | number;
export interface VNode<P = {}> {
  type: unknown;
  props: P & { children?: Child };
  key: Key | null | undefined;
}
export type Child = VNode<any> | string | number | bigint | boolean | null | undefined | Child[] | ReadonlySignal<any>;
export type Component<P = {}> = (props: P & { children?: Child }) => Child;
export interface Ref<T> {
  current: T;
}

export function h(type: string | Component<any>, props: object | null, ...children: Child[]): VNode<any>;
export function render(what: Child, into: Element): void;
export function html(strings: TemplateStringsArray, ...values: any[]): VNode<any>;
export const Fragment: Component<{}>;

export interface Context<T> {
  Provider: Component<{ value: T }>;
}
export function createContext<T>(initial: T): Context<T>;
export function useContext<T>(context: Context<T>): T;

type Cleanup = void | (() => void);
type Setter<S> = (next: S | ((previous: S) => S)) => void;
export function useState<S>(initial: S | (() => S)): [S, Setter<S>];
export function useRef<T>(initial: T): Ref<T>;
export function useRef<T>(initial: T | null): Ref<T | null>;
export function useMemo<T>(make: () => T, inputs: readonly unknown[]): T;
export function useCallback<F extends (...args: any[]) => any>(f: F, inputs: readonly unknown[]): F;
export function useEffect(run: () => Cleanup, inputs?: readonly unknown[]): void;
export function useLayoutEffect(run: () => Cleanup, inputs?: readonly unknown[]): void;
export function useId(): string;
export function useErrorBoundary(caught?: (error: any) => void): [any, () => void];

export interface ReadonlySignal<T> {
  readonly value: T;
  peek(): T;
  subscribe(run: (value: T) => void): () => void;
}
export interface Signal<T> extends ReadonlySignal<T> {
  value: T;
}
export function signal<T>(initial: T): Signal<T>;
export function computed<T>(make: () => T): ReadonlySignal<T>;
export function effect(run: () => Cleanup): () => void;
export function batch<T>(run: () => T): T;
export function untracked<T>(run: () => T): T;
export function useSignal<T>(initial: T): Signal<T>;
export function useComputed<T>(make: () => T): ReadonlySignal<T>;
export function useSignalEffect(run: () => Cleanup): void;
