package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/klog/v2"
)

// provisioner is our name in a StorageClass.
const provisioner = "todochat.dev/local"

// volumes makes a volume for each claim on a class of ours, once a pod wants it,
// and removes it with the claim. A volume is a folder of the node that belongs
// to root, as a new disk of a cloud does; a "local" volume and not a "hostPath",
// since a kubelet gives only the former to the fsGroup of a pod.
type volumes struct {
	client    kubernetes.Interface
	claims    corelisters.PersistentVolumeClaimLister
	existing  corelisters.PersistentVolumeLister
	node      string
	directory string
}

func newVolumesCommand() *cobra.Command {
	var v volumes
	var access string
	command := &cobra.Command{
		Use:   "volumes",
		Short: "make volumes for claims",
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", access)
			if err != nil {
				return err
			}
			v.client, err = kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			return v.run(command.Context())
		},
	}
	command.Flags().StringVar(&access, "kubeconfig", "", "how to reach the API server")
	command.Flags().StringVar(&v.node, "node", "", "the node's name")
	command.Flags().StringVar(&v.directory, "directory", "", "where volumes are kept")
	return command
}

func (v volumes) run(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	factory := informers.NewSharedInformerFactory(v.client, 0)
	core := factory.Core().V1()
	v.claims, v.existing = core.PersistentVolumeClaims().Lister(), core.PersistentVolumes().Lister()

	changed := make(chan struct{}, 1)
	notice := func() {
		select {
		case changed <- struct{}{}:
		default: // it is going to look anyway
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notice() },
		UpdateFunc: func(any, any) { notice() },
		DeleteFunc: func(any) { notice() },
	}
	for _, informer := range []cache.SharedIndexInformer{core.PersistentVolumeClaims().Informer(), core.PersistentVolumes().Informer()} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for {
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
		if err := v.reconcile(ctx); err != nil {
			return err // and be started again
		}
	}
}

func (v volumes) reconcile(ctx context.Context) error {
	claims, err := v.claims.List(labels.Everything())
	if err != nil {
		return err
	}
	for _, claim := range claims {
		// The scheduler has chosen a node, and the volume controller has chosen us.
		wanted := claim.Annotations[volume.AnnSelectedNode] != "" && claim.Annotations[volume.AnnStorageProvisioner] == provisioner
		if !wanted || claim.Spec.VolumeName != "" {
			continue
		}
		if err := v.make(ctx, claim); err != nil {
			return fmt.Errorf("make a volume for %s/%s: %w", claim.Namespace, claim.Name, err)
		}
	}
	existing, err := v.existing.List(labels.Everything())
	if err != nil {
		return err
	}
	for _, pv := range existing {
		ours := pv.Annotations[volume.AnnDynamicallyProvisioned] == provisioner && pv.Spec.Local != nil
		if !ours || pv.Status.Phase != corev1.VolumeReleased || pv.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
			continue
		}
		if err := os.RemoveAll(filepath.Join(v.directory, pv.Name)); err != nil {
			return fmt.Errorf("remove volume %s: %w", pv.Name, err)
		}
		err := v.client.CoreV1().PersistentVolumes().Delete(ctx, pv.Name, metav1.DeleteOptions{})
		if err != nil && !errors.IsNotFound(err) {
			return fmt.Errorf("remove volume %s: %w", pv.Name, err)
		}
		klog.InfoS("removed a volume", "volume", pv.Name)
	}
	return nil
}

func (v volumes) make(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	class, err := v.client.StorageV1().StorageClasses().Get(ctx, *claim.Spec.StorageClassName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	name := "pvc-" + string(claim.UID)
	path := filepath.Join(v.directory, name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	_, err = v.client.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{volume.AnnDynamicallyProvisioned: provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      claim.Spec.Resources.Requests,
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: *class.ReclaimPolicy,
			StorageClassName:              class.Name,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path}},
			ClaimRef: &corev1.ObjectReference{
				Kind: "PersistentVolumeClaim", APIVersion: "v1",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{
					MatchExpressions: []corev1.NodeSelectorRequirement{{
						Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{v.node},
					}},
				}},
			}},
		},
	}, metav1.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		return nil
	}
	klog.InfoS("made a volume", "volume", name, "claim", klog.KObj(claim), "error", err)
	return err
}
